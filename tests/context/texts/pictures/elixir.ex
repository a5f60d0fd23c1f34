defmodule Bank.Account do
  use GenServer
  alias Bank.Store, as: S
  import Ecto.Query

  @limit 3

  def pay(:none, _amount) do
    :ok
  end

  def pay(owner, amount) when amount > 1 do
    charge(owner) |> Store.save(amount)
  end

  defp hidden(x), do: x

  defmacro twice(x) do
    x
  end
end

defprotocol Bank.Named do
  def name(thing)
end

defimpl Bank.Named, for: Bank.Account do
  def name(account), do: describe(account)
end
