import Foundation

let limit = 3

protocol Named: Base {
    func name() -> String
}

class Account<T>: Thing, Named {
    let owner: User = first()

    init(balance: Int) {
        self.balance = balance
    }

    func pay(amount: Amount) -> Receipt {
        let local = 1
        return owner.charge(amount, MaxFee)
    }
}

struct Pair {
    var left: Int
}

enum Kind {
    case open
}

extension Account: Payable {
    func more() {
        Fee(total: 1)
    }
}

typealias Accounts = List

func load(path: Path) -> Account? {
    helper(path)
}
