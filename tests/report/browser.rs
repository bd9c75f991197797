//! A page in Chromium without a window: measured, and as a picture.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

const PROGRAMS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) width: u32,
    pub(super) dark: bool,
}

pub(super) struct Browser {
    program: PathBuf,
    /// For its profile, and for pages around the page.
    folder: tempfile::TempDir,
    /// All requests that left it: first lines.
    asked: Arc<Mutex<Vec<String>>>,
    proxy: String,
}

impl Browser {
    /// One whose every request, wherever to, is answered here and noted.
    pub(super) fn new() -> Self {
        let search = std::env::var_os("PATH").unwrap_or_default();
        let found = PROGRAMS
            .iter()
            .find_map(|program| std::env::split_paths(&search).map(|f| f.join(program)).find(|path| path.is_file()));
        let program = found.expect("there is no Chromium in PATH: `cargo xtask setup` installs it");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                let mut request = [0; 1_024];
                let length = stream.read(&mut request).unwrap_or_default();
                let text = String::from_utf8_lossy(&request[..length]).lines().next().unwrap_or_default().to_owned();
                noted.lock().unwrap().push(text);
                let _ = stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            }
        });
        Self { program, folder: crate::kit::folder(), asked, proxy }
    }

    /// Requests to a host.
    pub(super) fn asked_for(&self, host: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|line| line.contains(host)).cloned().collect()
    }

    fn run(&self, look: Look, height: u32, arguments: &[String]) -> String {
        let mut command = Command::new(&self.program);
        command.args(["--headless", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions"]);
        command.args([
            "--disable-background-networking",
            "--disable-component-update",
            "--allow-file-access-from-files",
        ]);
        command.args(["--virtual-time-budget=3000", "--disable-dev-shm-usage", "--force-device-scale-factor=1"]);
        command.arg(format!("--user-data-dir={}", self.folder.path().join("profile").display()));
        command.arg(format!("--proxy-server=http://{}", self.proxy)).arg("--proxy-bypass-list=<-loopback>");
        command.arg(format!("--window-size={},{height}", look.width));
        command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!look.dark)));
        // It has no sandbox for root; the pages are ours.
        if std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0) {
            command.arg("--no-sandbox");
        }
        let out = self.folder.path().join("out");
        let child = command.args(arguments).stdout(std::fs::File::create(&out).unwrap()).stderr(Stdio::null()).spawn();
        let mut child = child.unwrap();
        let start = Instant::now();
        loop {
            match child.try_wait().unwrap() {
                Some(status) => break assert!(status.success(), "{status}"),
                None if start.elapsed() > Duration::from_secs(90) => {
                    child.kill().unwrap();
                    panic!("the browser took more than 90 seconds");
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        std::fs::read_to_string(out).unwrap_or_default()
    }

    /// Looks at a page of this width, with all that can be unfolded unfolded.
    pub(super) fn measure(&self, page: &Path, look: Look) -> Value {
        let around = self.folder.path().join("around.html");
        let page = page.canonicalize().unwrap();
        let html = include_str!("around.html")
            .replace("PAGE", &format!("file://{}", page.display()))
            .replace("WIDTH", &look.width.to_string());
        std::fs::write(&around, html).unwrap();
        let look = Look { width: look.width.max(500), ..look };
        let dom = self.run(look, 900, &["--dump-dom".to_owned(), format!("file://{}", around.display())]);
        let found = dom.split_once("<pre id=\"out\">").and_then(|(_, rest)| rest.split_once("</pre>"));
        let text = found.unwrap_or_else(|| panic!("nothing was measured: {dom}")).0;
        let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", "\u{a0}").replace("&amp;", "&");
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// A picture of the whole page; where it lies.
    pub(super) fn picture(&self, page: &Path, look: Look, height: u32, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
        std::fs::create_dir_all(&folder).unwrap();
        let to = folder.join(format!("{name}.png"));
        let page = page.canonicalize().unwrap();
        let arguments = [format!("--screenshot={}", to.display()), format!("file://{}", page.display())];
        self.run(look, height, &arguments);
        to
    }
}
