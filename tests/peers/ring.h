#include <semaphore.h>
#define SLOTS (2 * 3 + 1)

struct mensagem {
    int id;
    char texto[20];
    double peso;
};

struct ring {
    sem_t cheios, livres;
    struct mensagem dados[SLOTS];
    long inicio, fim;
    sem_t trava;
};
