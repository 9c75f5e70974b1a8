import { describe, expect, it } from "vitest";
import { worstClasses } from "./worst-classes.js";

describe("classes of a card", () => {
  it("come with the worst first; one without samples is not called bad", () => {
    const classes = worstClasses([1, 0.5, null, 0.5], ["stop", "give way", "no entry"]);
    expect(classes.map(({ index }) => index)).toEqual([1, 3, 0]);
    expect(classes.map(({ label }) => label)).toEqual(["give way", "class 3", "stop"]);
  });
});
