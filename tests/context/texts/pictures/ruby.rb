require 'json'
require_relative "lib/store"

module Bank
  LIMIT = 3

  class Account < Base::Thing
    include Named

    def pay(amount)
      local = 1
      charge(amount, MAX_FEE)
    end

    def self.open
      new(User.first)
    end

    def paid? = balance.zero?
  end
end
