open Store

type account = Open | Closed

val pay : account -> Amount.t -> receipt

module Fees : sig
  val rate : int
end

exception Failed of string
