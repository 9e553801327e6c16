"""Headless Chromium by its debugging pipe: nothing but Python's own library is needed."""

import base64
import json
import os
import select
import subprocess
import time


class Browser:
    """One Chromium with one page."""

    def __init__(self, profile):
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def pipes():
            # Chromium reads 3 and writes 4; neither may be one of the ends that are moved there.
            there, back = os.dup(theirs_in), os.dup(theirs_out)
            there, back = [fd if fd > 4 else os.dup2(fd, fd + 40) for fd in (there, back)]
            os.dup2(there, 3)
            os.dup2(back, 4)

        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                 "--remote-debugging-pipe", "--hide-scrollbars", f"--user-data-dir={profile}", "about:blank"]
        self.process = subprocess.Popen(["chromium", *flags], preexec_fn=pipes, close_fds=False,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.reader, self.writer, self.buffer, self.count = ours_in, ours_out, b"", 0
        self.session, self.said = None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.reader], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError("Chromium does not answer")
            chunk = os.read(self.reader, 1 << 20)
            if not chunk:
                raise EOFError("Chromium has ended")
            self.buffer += chunk
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        # One that starts on a busy machine takes its time.
        deadline = time.monotonic() + 120
        while True:
            told = self.receive(deadline)
            if told.get("id") == self.count:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                return told["result"]
            kind, of = told.get("method"), told.get("params", {})
            if kind == "Log.entryAdded":
                self.said.append(f"{of['entry']['source']}: {of['entry']['text']} {of['entry'].get('url', '')}")
            elif kind == "Runtime.exceptionThrown":
                self.said.append("exception: " + json.dumps(of["exceptionDetails"])[:500])
            elif kind == "Network.requestWillBeSent":
                self.asked.add(of["request"]["url"])

    asked = set()

    def js(self, text):
        result = self.call("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{text}: {json.dumps(result['exceptionDetails'])[:400]}")
        return result["result"].get("value")

    def until(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = self.js(text)
            if value:
                return value
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} s: {text}")

    def look(self, width, height, dark, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if mobile else 1, mobile=mobile)
        scheme = "dark" if dark else "light"
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def key(self, name, code, text=""):
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **more)

    def type(self, text):
        self.call("Input.insertText", text=text)

    def picture(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
