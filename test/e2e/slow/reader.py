"""Reads so many frames a second of one channel, and prints what it saw: python3 reader.py URL RATE."""

import asyncio
import json
import sys
import time

from websockets import connect
from websockets.exceptions import ConnectionClosed


async def main(url, rate):
    # A ping of the client's own would wait for its answer behind the frames, and end the slowest one after 40 seconds.
    async with connect(url, ping_interval=None) as socket:
        print("open", flush=True)
        began = due = time.monotonic()
        frames, gap = 0, None
        try:
            async for text in socket:
                frames += 1
                n = json.loads(text)["data"]["n"]
                if n != frames and gap is None:
                    gap = [frames, n]
                due += 1 / rate
                await asyncio.sleep(max(0, due - time.monotonic()))
        except ConnectionClosed:
            pass
        seconds = round(time.monotonic() - began, 1)
        print(json.dumps({"code": socket.close_code, "frames": frames, "gap": gap, "seconds": seconds}), flush=True)


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
