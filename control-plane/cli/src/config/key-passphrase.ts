/** `SARTOR_KEY_PASSPHRASE`: opens all key files of a command, where nobody sits at a terminal. */
export function keyPassphrase(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = environment.SARTOR_KEY_PASSPHRASE;
  return value === undefined || value === "" ? undefined : value;
}
