<?php
namespace Example\Bank;

use Example\Store\Store;
use Example\{Named, Payable as Paid};
require_once "setup.php";

const LIMIT = 3;

interface Shape
{
    public function area(): float;
}

abstract class Account extends Base implements Shape
{
    use Logs;

    const MAX = 1;
    private Store $store;

    public function pay(Amount $amount): Receipt
    {
        return $this->store->charge(self::MAX, new Fee(helper(1)), Kind::of());
    }
}

enum Kind
{
    case Open;
}

function load($path)
{
    return $path;
}
