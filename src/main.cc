#include "daemon/main.h"

int main(int argc, char** argv) {
  return vigie::daemon::run_main(argc, argv);
}
