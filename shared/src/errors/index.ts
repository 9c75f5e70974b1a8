export { ERROR_CODES, type ErrorCode, type ErrorCodeEntry, isErrorCode } from "./codes.js";
export { type ErrorBody, SartorError, type SartorErrorOptions } from "./sartor-error.js";
