using System.Linq;
using Store = Example.Store;

namespace Example.Bank
{
    [Service]
    public class Account<T> : Base, INamed
    {
        public int Balance { get; set; }
        private readonly Store store = new Store();

        public Account(int balance) : base(balance)
        {
        }

        public async Task<Receipt> Pay(Amount amount)
        {
            return new Receipt(amount.Charge(MaxFee));
        }
    }

    interface INamed
    {
        string Name();
    }

    enum Kind { Open }

    record Pair(int Left);
}
