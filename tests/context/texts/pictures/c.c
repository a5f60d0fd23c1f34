#include <stdio.h>
#include "account.h"

#define LIMIT 3
#define SQUARE(x) ((x) * (x))

struct account {
    int balance;
    struct user *owner;
};

typedef struct {
    int left;
} pair_t;

typedef int (*callback)(int);

enum kind { OPEN, CLOSED };

static int fees[] = { LIMIT };

int pay(struct account *account, pair_t *pair);

static char *
name_of(struct account *account)
{
    int local = 1;
    return describe(account->owner, MAX_FEE, &on_change);
}
