/** Servers that are no Node processes of ours: nginx with Nchan, and nats-server. Debian's packages. */

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { cache } from "../driver/generator.mjs";
import { has, serverCore } from "../driver/machine.mjs";
import { kill, resume, sleep, start } from "../driver/processes.mjs";

const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so";

export const missingNchan = () =>
  has("nginx") && existsSync(nchanModule) ? undefined : "nginx with Nchan is not installed (libnginx-mod-nchan)";

export const missingNats = () => (has("nats-server") ? undefined : "nats-server is not installed");

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export function scratchDirectory(name) {
  mkdirSync(cache, { recursive: true });
  return mkdtempSync(`${cache}${name}-`);
}

/** Resolves when the port accepts connections. */
export async function listening(port, child) {
  for (let tries = 0; tries < 600; tries++) {
    if (child.exitCode !== null) throw new Error(`exited with ${child.exitCode}: ${child.log}`);
    const socket = connect({ host: "127.0.0.1", port });
    const open = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (open) return;
    await sleep(100);
  }
  throw new Error(`nothing listens on ${port}: ${child.log}`);
}

/** One worker. 256 messages are kept per channel, as many as Eventwire lets wait for a socket. */
const nginxConfiguration = (directory, port) => `
load_module ${nchanModule};
daemon off;
${process.getuid() === 0 ? "user root;" : ""}
worker_processes 1;
worker_rlimit_nofile 65536;
pid ${directory}/nginx.pid;
error_log stderr error;
events { worker_connections 50000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  nchan_shared_memory_size 512M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ ^/sub/(.+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_message_buffer_length 256;
    }
    location ~ ^/pub/(.+)$ {
      nchan_publisher http;
      nchan_channel_id $1;
      nchan_message_buffer_length 256;
      nchan_message_timeout 60s;
    }
  }
}`;

export async function startNchan() {
  const directory = scratchDirectory("nchan");
  const port = await freePort();
  writeFileSync(`${directory}/nginx.conf`, nginxConfiguration(directory, port));
  const child = start(serverCore, ["nginx", "-p", directory, "-c", `${directory}/nginx.conf`], { gentle: true });
  await listening(port, child);
  const workers = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ").map(Number);
  return {
    pids: workers,
    port,
    async close() {
      try {
        resume(workers);
      } catch {
        // A worker that crashed needs no resuming.
      }
      await kill(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const natsConfiguration = (port, websocketPort) => `
listen: 127.0.0.1:${port}
ping_interval: "1h"
max_connections: 65536
websocket { listen: "127.0.0.1:${websocketPort}", no_tls: true, compression: false }
`;

export async function startNats() {
  const directory = scratchDirectory("nats");
  const [tcpPort, port] = [await freePort(), await freePort()];
  writeFileSync(`${directory}/nats.conf`, natsConfiguration(tcpPort, port));
  const child = start(serverCore, ["nats-server", "-c", `${directory}/nats.conf`]);
  await listening(port, child);
  return {
    pids: [child.pid],
    port,
    publishPort: tcpPort,
    async close() {
      await kill(child);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
