#include "base.hpp"

namespace bank {

constexpr int kLimit = 3;

template <class T>
class Account : public Base<T>, Named {
 public:
  explicit Account(int balance);
  ~Account();
  int balance() const { return store_.read(); }
  virtual void pay(Amount amount) = 0;
  Account& operator+=(int amount);
};

enum class Kind { Open };

using Accounts = std::vector<Account<int>>;

int Account<int>::charge(Fee &fee) {
  int local = 1;
  return std::move(fee.total(MAX_FEE));
}

template <typename T>
T largest(T a) {
  return new Thing(a);
}

}  // namespace bank
