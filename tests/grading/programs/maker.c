#include "exchange.h"

int main(void)
{
    return join_exchange() == NULL;
}
