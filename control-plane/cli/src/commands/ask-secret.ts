import { givenPassword } from "../config/index.js";
import { SecretPrompt } from "../secret-prompt.js";

const prompt = new SecretPrompt({ what: "password", otherwise: "set SARTOR_PASSWORD" });

/** A password: from SARTOR_PASSWORD, else from a person, who is asked without an echo. */
export async function askPassword(question: string): Promise<string> {
  return givenPassword() ?? prompt.ask(question);
}

/** A new password: asked for twice where a person types it. */
export async function askNewPassword(userName: string): Promise<string> {
  return givenPassword() ?? prompt.askNew(`New password of ${userName} (12 characters or more): `);
}
