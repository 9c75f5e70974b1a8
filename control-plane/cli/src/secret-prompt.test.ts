import { PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { SecretPrompt } from "./secret-prompt.js";

/** A terminal at which somebody types one answer after each question. */
function promptFor(answers: readonly string[], isTTY = true) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const shown: string[] = [];
  const left = [...answers];
  const output = new PassThrough();
  output.on("data", (chunk: Buffer) => {
    const text = chunk.toString();
    shown.push(text);
    const answer = text === "\n" ? undefined : left.shift();
    if (answer !== undefined) setImmediate(() => input.write(answer));
  });
  const prompt = new SecretPrompt({ what: "password", otherwise: "set X", terminal: { input, output } });
  return { prompt, shown: () => shown.join("") };
}

describe("asking for a secret", () => {
  it("gives what was typed and never shows it", async () => {
    const { prompt, shown } = promptFor(["heron kettle\r"]);
    expect(await prompt.ask("Password: ")).toBe("heron kettle");
    expect(shown()).toBe("Password: \n");
  });

  it("asks for a new one twice", async () => {
    const { prompt, shown } = promptFor(["heron kettle\r", "heron kettle\r"]);
    expect(await prompt.askNew("New: ")).toBe("heron kettle");
    expect(shown()).toBe("New: \nOnce more: \n");
  });

  it("refuses two that differ", async () => {
    await expect(promptFor(["heron\r", "kettle\r"]).prompt.askNew("New: ")).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
      message: "The two passwords differ; nothing was changed.",
    });
  });

  it("says at once what is wrong with a new one", async () => {
    const { prompt, shown } = promptFor(["short\r", "short\r"]);
    const check = (secret: string) => {
      throw new Error(`${secret.length} characters`);
    };
    await expect(prompt.askNew("New: ", check)).rejects.toThrow("5 characters");
    expect(shown()).toBe("New: \n");
  });

  it.each([
    ["Ctrl-C", "\u0003", { code: "SRT_CONFLICT" }],
    ["Ctrl-D", "\u0004", { code: "SRT_CONFIG_INVALID", message: "No password was entered." }],
  ])("ends at %s", async (_, key, error) => {
    await expect(promptFor([key]).prompt.ask("Password: ")).rejects.toMatchObject(error);
  });

  it("says how else to give it where there is no terminal", async () => {
    const { prompt, shown } = promptFor(["heron\r"], false);
    await expect(prompt.ask("Password: ")).rejects.toMatchObject({
      code: "SRT_CONFIG_INVALID",
      message: "No terminal to ask for a password: set X.",
    });
    expect(shown()).toBe("");
  });
});
