export {
  ERROR_AREAS,
  ERROR_CODES,
  type ErrorArea,
  type ErrorCode,
  type ErrorCodeEntry,
  isErrorCode,
} from "./codes/index.js";
export { type ErrorBody, SartorError, type SartorErrorOptions } from "./sartor-error.js";
