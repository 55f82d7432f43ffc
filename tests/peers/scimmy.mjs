// scimmy-routers of npm as a server for tests: resources in two maps, gone at the end. Prints its address when it listens.
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";

// The packages lie where the tests put them, not beside this file.
const require = createRequire(process.argv[2] + "/");
const express = require("express");
const SCIMMY = require("scimmy").default ?? require("scimmy");
const SCIMMYRouters = require("scimmy-routers").default ?? require("scimmy-routers");

function declare(type, unique) {
  const all = new Map();
  SCIMMY.Resources.declare(type)
    .ingress(async ({ id }, data) => {
      const same = (other) => other.id !== id && unique(other) !== undefined && unique(other) === unique(data);
      if ([...all.values()].some(same)) throw new SCIMMY.Types.Error(409, "uniqueness", "taken");
      if (id && !all.has(id)) throw new SCIMMY.Types.Error(404, null, `${id} is not there`);
      const now = new Date().toISOString();
      const created = id ? all.get(id).meta.created : now;
      const kept = { ...JSON.parse(JSON.stringify(data)), id: id ?? randomUUID(), meta: { created, lastModified: now } };
      all.set(kept.id, kept);
      return kept;
    })
    .egress(async ({ id, filter }) => {
      if (!id) return filter ? filter.match([...all.values()]) : [...all.values()];
      if (!all.has(id)) throw new SCIMMY.Types.Error(404, null, `${id} is not there`);
      return all.get(id);
    })
    .degress(async ({ id }) => {
      if (!all.delete(id)) throw new SCIMMY.Types.Error(404, null, `${id} is not there`);
    });
}

declare(SCIMMY.Resources.User, (user) => user.userName?.toLowerCase());
declare(SCIMMY.Resources.Group, () => undefined);

const app = express();
app.use("/scim/v2", new SCIMMYRouters({
  type: "bearer",
  handler: (request) => {
    if (!/^bearer +a-token$/i.test(request.header("Authorization") ?? "")) throw new Error("no token, or another");
    return "tests";
  },
}));
const server = app.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${server.address().port}`));
