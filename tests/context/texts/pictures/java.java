package org.example;

import java.util.List;
import org.example.store.Store;

@Service
public class Account<T> extends Base implements Named, Payable {
    private static final int LIMIT = 3;

    public Account(int balance) {
        super(balance);
    }

    @Override
    public List<Receipt> pay(Amount amount) throws PaymentError {
        int local = 1;
        return new Receipt(amount.charge(MAX_FEE)).all();
    }

    enum Kind {
        OPEN,
    }

    interface Listener {
        void changed();
    }

    record Pair(int left) {}
}
