const std = @import("std");
const store = @import("store.zig");

const LIMIT: u32 = 3;

pub const Account = struct {
    balance: f32,

    pub fn pay(self: Account, amount: Amount) f32 {
        const local = 1;
        return charge(self.balance, MAX_FEE);
    }
};

const Kind = enum { open, closed };

pub fn load() !void {
    std.debug.print("x", .{});
    const account = Account{ .balance = 1 };
}
