/** The compressions that RPC messages may have, in requests and in answers. */

import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";

export const compressions = [compressionGzip, compressionBrotli];
