import { NotFoundException } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { errorReplySchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { toErrorReply, toSartorError } from "./error-reply.js";

const fastifyError = (statusCode: number, code = "FST_ERR") =>
  Object.assign(new Error("from fastify"), { statusCode, code });

describe("an error on the wire", () => {
  it.each([
    [new SartorError("SRT_DEVICE_UNKNOWN", "No device x."), "SRT_DEVICE_UNKNOWN", "No device x."],
    [new NotFoundException("Cannot GET /x"), "SRT_NOT_FOUND", "Cannot GET /x"],
    [fastifyError(413), "SRT_BODY_TOO_LARGE", "from fastify"],
    [fastifyError(408), "SRT_REQUEST_TIMED_OUT", "from fastify"],
    [fastifyError(414), "SRT_ADDRESS_TOO_LONG", "from fastify"],
    [fastifyError(431), "SRT_HEADERS_TOO_LARGE", "from fastify"],
    [fastifyError(503), "SRT_UNAVAILABLE", "from fastify"],
    [fastifyError(415), "SRT_UNSUPPORTED_MEDIA_TYPE", "from fastify"],
  ])("%s keeps its meaning", (thrown, code, message) => {
    expect(toSartorError(thrown)).toMatchObject({ code, message });
  });

  it.each([
    ["a bug", new TypeError("password hunter2 is not a function")],
    ["a library's error that calls itself forbidden", Object.assign(new Error("hunter2"), { statusCode: 403 })],
    ["something that is no error", "hunter2"],
    ["nothing", undefined],
  ])("%s tells nothing of its inside", (_title, thrown) => {
    const error = toSartorError(thrown);
    expect(error.status).toBe(500);
    expect(JSON.stringify(toErrorReply(error, "id"))).not.toContain("hunter2");
  });

  it("has the shape that clients expect, and never the cause", () => {
    const error = new SartorError("SRT_RATE_LIMITED", "Wait.", { details: { retryAfterSeconds: 3 }, cause: "hunter2" });
    const reply = toErrorReply(error, "abc");
    expect(errorReplySchema.parse(reply)).toEqual({
      error: { code: "SRT_RATE_LIMITED", message: "Wait.", details: { retryAfterSeconds: 3 }, correlationId: "abc" },
    });
  });
});
