open Store

type account = Open | Closed of reason

module Fees = struct
  let rate = 1
  let total amount = Store.sum amount
end

module type Named = sig
  val name : unit -> text
end

exception Failed of string

let rec pay account amount =
  let local = 1 in
  charge account (Fees.rate)

let limit = 3

class clock = object
  method tick = now ()
end
