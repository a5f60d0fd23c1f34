CREATE TABLE public.accounts (
    id INT PRIMARY KEY,
    owner TEXT REFERENCES users(id)
);

CREATE VIEW open_accounts AS
SELECT accounts.id, total(accounts.id) FROM accounts JOIN orders ON orders.id = accounts.id;

CREATE FUNCTION pay(amount int) RETURNS int AS $$ SELECT 1 $$ LANGUAGE sql;

CREATE INDEX by_owner ON accounts (owner);
