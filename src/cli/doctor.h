// vigie doctor: looks at everything that a backup needs, and changes nothing. The manual's table of
// what it checks is docs/manual/doctor.md.
#pragma once

namespace vigie::cli {

class Context;

// 0 when nothing is bad (warnings are told), 1 when something is, 2 when the configuration has
// mistakes, 3 when something could not be looked at and nothing is bad.
int doctor(Context& context);

}  // namespace vigie::cli
