/* Programs that are no ring: each stands alone. */
#include "shared.h"
#include <sys/sem.h>

int main(int count, char **words)
{
    given = words;
#ifdef SYSTEM_V
    return semop(semget(1, 1, 0600), 0, 0);
#endif
    int *word = map_shared(4096);
    sem_t *semaphore = (sem_t *)(word + 64);
    sem_init(semaphore, 1, 1);
    sem_wait(semaphore);
    if (has("pid"))
        word[0] = getpid();
    if (has("write"))
        write(1, "from\n", 5), memcpy(word, "shared\n", 7), write(1, word, 7);
    sem_post(semaphore);
    return 0;
}
