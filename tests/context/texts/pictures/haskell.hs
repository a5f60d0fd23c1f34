module Bank.Account (pay) where

import qualified Data.Map as Map
import Bank.Store (load)

data Account = Account User | Closed { reason :: Text }

newtype Amount = Amount Int

type Accounts = List Account

class Named a where
  name :: a -> Text

instance Named Account where
  name account = describe account

pay :: Amount -> Receipt
pay (Amount 0) = nothing
pay amount = charge (Fee amount)
  where local = Map.insert amount

limit = 3
