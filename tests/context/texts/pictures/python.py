import os
from .store import Store, open_store as opened
from ..models import User

LIMIT = 3


@dataclass(frozen=True)
class Account(Base, mixins.Named):
    owner: User
    balance: int = 0

    @property
    def name(self) -> str:
        return self.owner.full_name()

    async def pay(
        self,
        amount: Amount,
    ) -> Receipt:
        """Pay."""
        def inner():
            local = compute(amount, MAX_FEE)
            return local
        return Receipt(inner(), key=lookup_key)


def load(path: str) -> list[Account]:
    return Store(os.path.join(path)).read()
