"""The signatures of what stands for long and is kept: databases, editors, terminals, browsers, the system. As data."""

from __future__ import annotations

from gitfleet.onhost.categories import (
    BROWSER,
    CONTAINER,
    DATABASE,
    DESKTOP,
    EDITOR,
    MULTIPLEXER,
    SYSTEM,
    TERMINAL,
)
from gitfleet.onhost.signature_form import one

_BROWSERS = "chrome chromium chromium-browser google-chrome firefox firefox-esr msedge brave vivaldi opera safari epiphany"

STANDING = (
    # databases and queues
    one(DATABASE, "postgres", "postgres postmaster pg_ctl pgbouncer pg_dump pg_dumpall pg_restore"),
    one(DATABASE, "mysql", "mysqld mariadbd mysqld_safe mariadbd-safe mysqldump"),
    one(DATABASE, "redis", "redis-server valkey-server keydb-server redis-sentinel memcached dragonfly"),
    one(DATABASE, "mongo", "mongod mongos mongodump mongorestore"),
    one(DATABASE, "database",
        "clickhouse clickhouse-server cockroach influxd etcd consul vault neo4j cassandra CassandraDaemon rqlited surreal qdrant weaviate chroma milvus duckdb sqlite3 minio couchdb beam.smp dolt firebird fbserver sqlservr rethinkdb tidb-server tikv-server pd-server arangod scylla tarantool fdbserver dgraph questdb immudb prometheus DynamoDBLocal"),
    one(DATABASE, "search engine", "elasticsearch Elasticsearch opensearch OpenSearch meilisearch typesense-server solr"),
    one(DATABASE, "queue", "rabbitmq-server kafka Kafka QuorumPeerMain nats-server mosquitto"),
    one(DATABASE, "database client", "psql mysql mariadb mongosh redis-cli litecli pgcli"),
    # editors
    one(EDITOR, "vim",
        "vim vi nvim view vimdiff gvim neovim ex vim.basic vim.tiny vim.nox vim.gtk3 vim.gtk vim.athena vim.motif rvim rview vimx evim gview gvimdiff nvim-qt neovide"),
    one(EDITOR, "emacs", "emacs emacs-nox emacs-gtk emacsclient emacs-nox-28 emacs-28.2"),
    one(EDITOR, "editor",
        "nano pico micro helix hx kak kakoune joe ed mcedit mc ne jed zed zed-editor subl sublime_text gedit kate zed-remote-server vipw vigr visudo sudoedit sensible-editor"),
    one(EDITOR, "VS Code", "code code-insiders codium cursor windsurf code-server code-tunnel bootstrap-fork extensionHost server-main"),
    one(EDITOR, "JetBrains", "idea idea64 pycharm webstorm goland clion rustrover rider phpstorm com.intellij.idea.Main fsnotifier"),
    one(EDITOR, "pager", "less more most man bat", kept="a pager: somebody reads in it"),
    # shells, terminals, multiplexers
    one(MULTIPLEXER, "tmux", "tmux tmux:server"),
    one(MULTIPLEXER, "screen", "screen SCREEN"),
    one(MULTIPLEXER, "multiplexer", "zellij byobu dtach abduco mosh-server tmate dvtm wezterm-mux-server"),
    one(TERMINAL, "terminal",
        "gnome-terminal-server gnome-terminal konsole xterm alacritty kitty wezterm wezterm-gui ghostty foot tilix terminator urxvt st ptyxis xfce4-terminal iTerm2 Terminal"),
    one(TERMINAL, "remote terminal",
        "sshd sshd-session sshd-auth ssh mosh-client scp sftp sftp-server rsync login agetty getty ttyd et etserver autossh"),
    # browsers
    one(BROWSER, "headless browser", _BROWSERS, flags="--headless -headless", free=True),
    one(BROWSER, "part of a browser", _BROWSERS, flags="--type -contentproc", free=True),
    one(BROWSER, "part of a browser", "chrome_crashpad_handler crashpad_handler", free=True),
    one(BROWSER, "headless browser", "headless_shell chrome-headless-shell chromedriver geckodriver", free=True),
    one(BROWSER, "browser", _BROWSERS),
    # containers and machines
    one(CONTAINER, "container engine",
        "dockerd docker docker-proxy docker-compose containerd containerd-shim containerd-shim-runc-v2 runc crun podman conmon buildkitd buildah kubelet minikube k3s kind lima limactl colima qemu-system-x86_64 firecracker"),
    # the system and the desktop
    one(SYSTEM, "service manager",
        "systemd init launchd s6-svscan s6-supervise runsvdir runsv supervisord runit openrc monit pm2 PM2 pm2-runtime pm2-docker forever circusd"),
    one(SYSTEM, "system service",
        "(sd-pam) dbus-daemon dbus-broker dbus-broker-launch polkitd cron crond anacron atd rsyslogd systemd-journald systemd-logind systemd-udevd systemd-resolved systemd-timesyncd NetworkManager wpa_supplicant dhclient chronyd ntpd avahi-daemon udisksd upowerd accounts-daemon fwupd snapd unattended-upgr tailscaled"),
    one(SYSTEM, "key agent", "ssh-agent gpg-agent scdaemon gnome-keyring-daemon keyboxd dirmngr ssh-pageant keychain"),
    one(SYSTEM, "web server", "nginx apache2 httpd caddy haproxy traefik envoy"),
    one(SYSTEM, "mounted files",
        "sshfs s3fs gcsfuse goofys juicefs gocryptfs encfs securefs cryfs bindfs fuse-overlayfs squashfuse mount.davfs ntfs-3g mutagen unison"),
    one(SYSTEM, "backup", "restic borg duplicity rclone syncthing"),
    one(DESKTOP, "desktop",
        "Xorg X Xwayland Xvfb Xvnc Xtigervnc Xephyr x11vnc vncserver wayvnc xrdp gnome-shell gnome-session-binary plasmashell kwin_x11 kwin_wayland sway i3 hyprland pipewire wireplumber pulseaudio xdg-desktop-portal gvfsd gvfsd-fuse ibus-daemon fcitx5 dconf-service gsd-color at-spi-bus-launcher goa-daemon evolution-source-registry tracker-miner-fs-3 slack Slack discord spotify zoom thunderbird"),
)  # fmt: skip
