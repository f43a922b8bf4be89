// The program's entry: hidden verbs for its own children, then the command line.
#pragma once

namespace vigie::daemon {

int run_main(int argc, char** argv);

}  // namespace vigie::daemon
