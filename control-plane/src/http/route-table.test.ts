import { describe, expect, it } from "vitest";
import { RouteTable } from "./route-table.js";

describe("the methods of an address", () => {
  const table = new RouteTable();
  table.add(["GET", "HEAD"], "/api/v1/devices");
  table.add("GET", "/api/v1/devices/:deviceId");
  table.add("PATCH", "/api/v1/devices/:deviceId");
  table.add("GET", "/api/v1/devices/:deviceId/telemetry");
  table.add("POST", "/api/v1/devices/merge");
  table.add("GET", "/*");

  it.each([
    ["/api/v1/devices", ["GET", "HEAD"]],
    ["/api/v1/devices?limit=1", ["GET", "HEAD"]],
    ["/api/v1/devices/gate-7", ["GET", "PATCH"]],
    ["/api/v1/devices/merge", ["GET", "PATCH", "POST"]],
    ["/api/v1/devices/", []],
    ["/api/v1/devices/gate-7/nothing", []],
    ["/any/page", []],
    ["", []],
  ])("%s takes %j", (path, methods) => {
    expect(table.methodsOf(path)).toEqual(methods);
  });
});
