export { type MachineTable, type Rule, type Step, type Transition, transition } from "./fsm.js";
