// The verbs of evidence that have files of their own.
#pragma once

#include "cli/context.h"

namespace vigie::cli {

int evidence_verify(Context& context);
int evidence_export(Context& context);
VerbSpec evidence_record_verb();

// 0, 1, or 3 when no verdict was reached.
int exit_code_of(Verdict verdict);

}  // namespace vigie::cli
