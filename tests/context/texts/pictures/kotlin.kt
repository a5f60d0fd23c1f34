package org.example

import org.example.store.Store

const val LIMIT = 3

typealias Name = String

data class Account(val owner: User) : Base(owner), Named {
    val balance: Amount = start()

    fun pay(amount: Amount): Receipt {
        val local = 1
        return owner.charge(amount, MAX_FEE)
    }

    companion object {
        fun open(): Account = Account(User())
    }
}

interface Named {
    fun name(): String
}

object Registry {
}

enum class Kind {
    OPEN,
}

fun <T> Foo.extended(a: T): Bar = helper(a)
