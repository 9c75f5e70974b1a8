export { abortable } from "./abortable.js";
export { type Clock, systemClock } from "./clock.js";
export { type CommandResult, type RunCommand, runCommand } from "./exec.js";
export { type HttpAnswer, type HttpGetOptions, httpGet, readBody } from "./http-get.js";
export { type JsonReply, postJson } from "./http-post.js";
export { createLogger, type Logger, type LogLevel } from "./logger.js";
export { readProportionalBytes } from "./process-memory.js";
export { type DiskSpace, diskSpace, hostFiles, openSystemFiles, type SystemFiles } from "./system-files.js";
