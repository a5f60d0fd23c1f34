local store = require("bank.store")

local Account = {}

function Account.open(owner)
  return helper(owner)
end

function Account:pay(amount)
  local value = 1
  self.store:charge(amount, MAX_FEE)
end

local function hidden()
end

Account.close = function(self)
end

return Account
