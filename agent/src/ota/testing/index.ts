export { DAY, NOW, TestRepository, testClock } from "../metadata/test-repository.js";
export { type TestRelease, TestTrust } from "./test-trust.js";
