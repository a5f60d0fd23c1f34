package org.example

import org.example.store.{Store, Opened => Open}

trait Named {
  def name(): String
}

case class Account(owner: User) extends Base(owner) with Named {
  val balance = new Amount(1)

  def pay(amount: Amount): Receipt = {
    val local = 1
    owner.charge(amount, MaxFee)
  }
}

object Registry {
  val Limit = 3
  def apply(user: User): Account = helper(user)
}

enum Kind {
  case Open
}

type Accounts = List
