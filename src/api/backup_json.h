// An artefact as the API shows it: openapi.yaml's Backup.
#pragma once

#include "backup/view.h"
#include "base/json.h"

namespace vigie::api {

json::object backup_json(const backup::ArtefactView& artefact);

}  // namespace vigie::api
