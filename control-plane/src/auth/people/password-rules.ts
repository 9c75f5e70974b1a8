import { SartorError } from "@sartor/shared/errors";

/** Fewest characters (NIST SP 800-63B asks for 8, or 15 where a password is all there is). */
const SHORTEST = 12;
/** Fewest different characters. */
const FEWEST_DIFFERENT = 5;

/** What long passwords are often made of; what is left without them has to be something, too. */
const WORDS = [
  "password",
  "passwort",
  "passw0rd",
  "p@ssw0rd",
  "p@ssword",
  "admin",
  "administrator",
  "welcome",
  "letmein",
  "changeme",
  "secret",
  "qwertyuiop",
  "qwertzuiop",
  "qwerty",
  "qwertz",
  "asdfghjkl",
  "asdfgh",
  "zxcvbnm",
  "yxcvbnm",
  "1q2w3e4r5t",
  "1q2w3e4r",
  "1qaz2wsx",
  "iloveyou",
  "sunshine",
  "princess",
  "football",
  "baseball",
  "dragon",
  "monkey",
  "master",
  "superman",
  "trustno1",
  "default",
  "operator",
  "sartor",
  "sign",
  "in",
  "login",
  "abcdefghijklmnopqrstuvwxyz",
  "abcdef",
  "abc",
  "12345678901234567890",
  "0123456789",
  "123456789",
  "12345678",
  "1234567",
  "123456",
  "12345",
  "1234",
  "123",
  "987654321",
  "2024",
  "2025",
  "2026",
  "2027",
].sort((one, other) => other.length - one.length);
/** Fewest characters that are left once common words are taken out. */
const FEWEST_OWN = 6;

/**
 * Refuses passwords that are short or are among the first that anybody tries. No rule about kinds of characters: they make people
 * write `Password1!`.
 *
 * @throws SartorError SRT_PASSWORD_WEAK that says what is wrong, never the password
 */
export function requireStrong(password: string, userName: string): void {
  const characters = [...password.normalize("NFC")];
  if (characters.length < SHORTEST) throw weak(`It has to have ${SHORTEST} characters or more.`);
  if (new Set(characters).size < FEWEST_DIFFERENT)
    throw weak(`It has to have ${FEWEST_DIFFERENT} different characters or more.`);
  let rest = characters.join("").toLowerCase();
  for (const word of [userName.toLowerCase(), ...WORDS]) if (word.length > 1) rest = rest.replaceAll(word, "");
  if (new Set(rest).size < FEWEST_OWN - 1 || rest.length < FEWEST_OWN) {
    throw weak("It is made of the user's name or of words and runs of keys that everybody tries first.");
  }
}

function weak(problem: string): SartorError {
  return new SartorError("SRT_PASSWORD_WEAK", `This password is too easy to guess. ${problem}`);
}
