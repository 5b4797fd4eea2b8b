/** The compressions that RPC messages may have, in both directions. */

import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

export const compressions = [compressionGzip, compressionBrotli];
