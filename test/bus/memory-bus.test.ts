/** The bus of a single node. */

import { createMemoryBus } from "../../src/bus/memory-bus.js";
import { describeAccounts } from "../support/account-bus-suite.js";
import { describeBus } from "../support/bus-suite.js";

describeBus("in memory", { open: async () => [createMemoryBus()] }, 1);
describeAccounts("in memory", { open: async () => [createMemoryBus()] }, 1);
