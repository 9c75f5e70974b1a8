import type { Command } from "commander";
import { ApiClient } from "../api-client.js";
import { type ConnectionOptions, resolveConnection } from "../config/index.js";

/** The API client that the command's global options ask for. */
export function connect(program: Command): ApiClient {
  const { url, token } = resolveConnection(program.opts<ConnectionOptions>());
  return new ApiClient(url, token);
}
