/* fila NAME: a slow consumer and a quick producer over a ring whose semaphores are named ones. */
#include <fcntl.h>
#include <stdio.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fila.h"

static sem_t *named(const char *name, const char *role, int value) {
    char full[256];
    snprintf(full, sizeof full, "%s_%s", name, role);
    return sem_open(full, O_CREAT | O_EXCL, 0600, value);
}

int main(int argc, char **argv) {
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof(Fila));
    Fila *fila = mmap(NULL, sizeof(Fila), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_t *mutex = named(argv[1], "mutex", 1);
    sem_t *vazio = named(argv[1], "vazio", TAM);
    sem_t *cheio = named(argv[1], "cheio", 0);
    for (int i = 0;; i++) {
        sem_wait(vazio);
        sem_wait(mutex);
        fila->dados[fila->entrada] = i + 0.5;
        fila->entrada = (fila->entrada + 1) % TAM;
        sem_post(mutex);
        sem_post(cheio);
    }
}
