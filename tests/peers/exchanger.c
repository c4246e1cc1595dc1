/* exchanger ROLE COUNT: moves COUNT items as fast as it can, then prints their sum. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "buffer.h"

int main(int argc, char **argv) {
    int produces = strcmp(argv[1], "producer") == 0;
    int count = atoi(argv[2]);
    int fd = shm_open(SHM_NAME, O_RDWR, 0);
    Buffer *b = mmap(NULL, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    long long sum = 0;
    for (int i = 0; i < count; i++) {
        sem_wait(produces ? &b->empty : &b->full);
        sem_wait(&b->mutex);
        if (produces) {
            b->data[b->in] = i;
            b->in = (b->in + 1) % BUFFER_SIZE;
            sum += i;
        } else {
            sum += b->data[b->out];
            b->out = (b->out + 1) % BUFFER_SIZE;
        }
        sem_post(&b->mutex);
        sem_post(produces ? &b->full : &b->empty);
    }
    printf("%lld\n", sum);
    return 0;
}
