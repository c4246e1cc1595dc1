#define TAM 9
typedef struct {
    double dados[TAM];
    int entrada, saida;
} Fila;
