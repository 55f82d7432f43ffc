// better-auth of npm with its SCIM plugin, on the PostgreSQL that DATABASE_URL names. node better_auth.mjs PACKAGES PORT
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The packages lie where benches/compare put them, not beside this file.
const require = createRequire(process.argv[2] + "/");
const from = (name) => import(pathToFileURL(require.resolve(name)));
const { betterAuth } = await from("better-auth");
const { toNodeHandler } = await from("better-auth/node");
const { getMigrations } = await from("better-auth/db/migration");
const { scim } = await from("@better-auth/scim");
const { Pool } = require("pg");

const port = process.argv[3];
const options = {
  baseURL: `http://127.0.0.1:${port}`,
  secret: "for-measurements-only-for-measurements-only",
  database: new Pool({ connectionString: process.env.DATABASE_URL, max: 10 }),
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: "error" },
  plugins: [scim({ connections: [{ id: "bench", credentials: [{ type: "bearer", id: "one", token: "a-token" }] }] })],
};
await (await getMigrations(options)).runMigrations();
createServer(toNodeHandler(betterAuth(options))).listen(Number(port), "127.0.0.1");
