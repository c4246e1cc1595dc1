/* ring NAME PACE-US LOG: a producer and a consumer over a ring that is not the course's:
   8-byte indices, semaphores around the data, items with text. Logs each item it moved. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ring.h"

static struct ring *ring;

static void produce(int pace, FILE *log) {
    for (int id = 0;; id++) {
        sem_wait(&ring->livres);
        sem_wait(&ring->trava);
        struct mensagem *m = &ring->dados[ring->inicio];
        m->id = id;
        snprintf(m->texto, sizeof m->texto, "item %d", id);
        m->peso = id / 4.0;
        fprintf(log, "%d %s %.2f\n", m->id, m->texto, m->peso);
        fflush(log);
        ring->inicio = (ring->inicio + 1) % SLOTS;
        sem_post(&ring->trava);
        sem_post(&ring->cheios);
        usleep(pace);
    }
}

static void consume(int pace) {
    for (;;) {
        sem_wait(&ring->cheios);
        sem_wait(&ring->trava);
        ring->fim = (ring->fim + 1) % SLOTS;
        sem_post(&ring->trava);
        sem_post(&ring->livres);
        usleep(pace * 3);
    }
}

int main(int argc, char **argv) {
    int pace = atoi(argv[2]);
    int fd = shm_open(argv[1], O_CREAT | O_RDWR, 0600);
    ftruncate(fd, sizeof *ring);
    ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    sem_init(&ring->cheios, 1, 0);
    sem_init(&ring->livres, 1, SLOTS);
    sem_init(&ring->trava, 1, 1);
    if (fork() == 0) consume(pace);
    produce(pace, fopen(argv[3], "w"));
}
