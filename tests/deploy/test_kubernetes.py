"""The manifests: strictly valid, the seed page's in all that it says, and their pods started without a cluster."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import kubernetes_validate
import pytest
import yaml
from container import IMAGE, Container
from live import Providers, document, eventually
from pod import Document, documents, pod, workload

from extproc import __version__
from extproc.config.values import Limits

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
SEED, ONE, TWO = (FOLDER / name for name in ("seed.yaml", "gateway.yaml", "two-replicas.yaml"))
OURS = [pytest.param(ONE, id="one"), pytest.param(TWO, id="two")]
ALL = [pytest.param(SEED, id="seed"), *OURS]
SECRET = {"OPENAI_API_KEY": "sk-of-openai", "PROVIDER_KEY": "sk-of-the-provider"}

PAGE: Document = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "keeptrusts-gateway"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "keeptrusts-gateway"}},
        "template": {
            "metadata": {"labels": {"app": "keeptrusts-gateway"}},
            "spec": {
                "containers": [
                    {
                        "name": "gateway",
                        "image": "keeptrusts/gateway:latest",
                        "ports": [{"containerPort": 41002}],
                        "envFrom": [{"secretRef": {"name": "keeptrusts-gateway-secrets"}}],
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/keeptrusts"}],
                    }
                ],
                "volumes": [{"name": "config", "configMap": {"name": "keeptrusts-policy-config"}}],
            },
        },
    },
}


def lacks(found: object, wanted: object, path: str = "") -> list[str]:
    """Where `found` does not say what `wanted` says; it may say more. Lists are compared by their members' names."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        pairs = [(f"{path}.{name}", found.get(name), value) for name, value in wanted.items()]
        return [each for where, has, value in pairs for each in lacks(has, value, where)]
    if isinstance(wanted, list) and isinstance(found, list):
        best = [min((lacks(has, value, f"{path}[]") for has in found), key=len, default=[path]) for value in wanted]
        return [each for faults in best for each in faults]
    return [] if found == wanted else [f"{path}: {found!r} is not {wanted!r}"]


@pytest.mark.parametrize("file", ALL)
def test_every_manifest_passes_the_strict_schema(file: Path) -> None:
    for each in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(each, "1.37", strict=True)


def test_the_strict_schema_finds_a_word_that_is_none() -> None:
    wrong = yaml.safe_load(SEED.read_text().replace("replicas:", "replicass:"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.37", strict=True)


def test_the_seed_pages_manifest_says_what_the_page_says() -> None:
    assert yaml.safe_load(SEED.read_text()) == PAGE


@pytest.mark.parametrize(
    ("file", "changed"), [(ONE, {".spec.replicas: 1 is not 2"}), (TWO, {".kind: 'StatefulSet' is not 'Deployment'"})]
)
def test_ours_say_all_that_the_page_says_but_for_what_they_are_there_to_change(file: Path, changed: set[str]) -> None:
    image = (
        f".spec.template.spec.containers[].image: 'keeptrusts/gateway:{__version__}' is not 'keeptrusts/gateway:latest'"
    )
    assert set(lacks(workload(file), PAGE)) == {image, *changed}


@pytest.mark.parametrize("file", OURS)
def test_a_pod_may_do_nothing_that_it_need_not(file: Path) -> None:
    spec = workload(file)["spec"]["template"]["spec"]
    uid, gid = map(int, IMAGE.one("USER").text.split(":"))
    secured = spec["securityContext"]
    assert (secured["runAsUser"], secured["runAsGroup"], secured["fsGroup"]) == (uid, gid, gid)
    assert secured["runAsNonRoot"] and secured["seccompProfile"] == {"type": "RuntimeDefault"}
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    for each in (*spec["containers"], *spec.get("initContainers", ())):
        assert each["image"] == f"keeptrusts/gateway:{__version__}"
        assert each["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip


@pytest.mark.parametrize("file", OURS)
def test_there_is_time_for_the_drain(file: Path) -> None:
    spec = workload(file)["spec"]["template"]["spec"]
    program, seconds = spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    assert spec["terminationGracePeriodSeconds"] >= int(seconds) + Limits().shutdown_grace_seconds + 15


@pytest.mark.parametrize("file", OURS)
def test_state_and_spool_are_on_a_volume_that_outlives_the_pod(file: Path) -> None:
    found = workload(file)
    spec = found["spec"]["template"]["spec"]
    mounts = {each["mountPath"]: each["name"] for each in spec["containers"][0]["volumeMounts"]}
    assert mounts["/var/lib/keeptrusts"] == "state"
    claims = [each["metadata"]["name"] for each in found["spec"].get("volumeClaimTemplates", ())]
    claims += [each["name"] for each in spec["volumes"] if "persistentVolumeClaim" in each]
    assert claims == ["state"]


@pytest.mark.parametrize("file", OURS)
def test_service_and_ingress_lead_to_the_pod_and_let_through_what_the_gateway_does(file: Path) -> None:
    found = documents(file)
    labels = workload(file)["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels
    (port,) = found["Service"]["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (41002, "http")
    (rule,) = found["Ingress"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"] == {"name": "keeptrusts-gateway", "port": {"name": "http"}}
    assert found["Ingress"]["spec"]["tls"][0]["hosts"] == [rule["host"]]
    says = found["Ingress"]["metadata"]["annotations"]
    nginx = {name.removeprefix("nginx.ingress.kubernetes.io/"): value for name, value in says.items()}
    assert nginx["proxy-buffering"] == "off"
    assert float(nginx["proxy-read-timeout"]) > Limits().stream_idle_timeout_seconds
    assert int(nginx["proxy-body-size"].removesuffix("m")) << 20 == Limits().max_body_bytes


@pytest.fixture
def config(tmp_path: Path, providers: Providers) -> Path:
    """A ConfigMap's volume: its files are links through one that is replaced whole."""
    _, port = providers.add()
    volume = tmp_path / "config"
    written(volume, document([port]))
    return volume


def written(volume: Path, text: str) -> None:
    """As the kubelet does it: a new directory, then `..data` is pointed at it by rename."""
    number = len(list(volume.glob("..version*"))) if volume.exists() else 0
    made = volume / f"..version{number}"
    made.mkdir(parents=True)
    (made / "policy-config.yaml").write_text(text)
    (volume / "..data_tmp").symlink_to(made.name)
    (volume / "..data_tmp").rename(volume / "..data")
    if not (volume / "policy-config.yaml").is_symlink():
        (volume / "policy-config.yaml").symlink_to("..data/policy-config.yaml")


@pytest.fixture
def running(providers: Providers, container: Path) -> Iterator[ExitStack]:
    """Whatever was started is ended, before the fixtures that it uses are."""
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, started: Container) -> Container:
    started.up()
    stack.callback(lambda: started.down() if started.process and started.process.poll() is None else None)
    return started


def probe(gateway: Container, file: Path, name: str) -> int:
    asked = workload(file)["spec"]["template"]["spec"]["containers"][0][name]["httpGet"]
    assert asked["port"] == "http"
    return httpx.get(f"http://127.0.0.1:{gateway.port}{asked['path']}", timeout=10).status_code


def chat(gateway: Container, key: str, **more: object) -> httpx.Response:
    body = {"model": "demo", "messages": [{"role": "user", "content": "one two three"}], **more}
    url = f"http://127.0.0.1:{gateway.port}/v1/chat/completions"
    return httpx.post(url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=30)


def test_the_pod_serves_its_probes_and_drains(container: Path, config: Path, running: ExitStack) -> None:
    gateway = pod(ONE, container, {"config": config}, SECRET)
    gateway.path("/var/lib/keeptrusts").chmod(0o2770)  # what fsGroup makes of a volume's root
    start(running, gateway)
    assert not [line for line in gateway.lines if "replicas" in line]
    assert [probe(gateway, ONE, name) for name in ("startupProbe", "livenessProbe", "readinessProbe")] == [200] * 3
    key = gateway.execute("kt", "tokens", "create", "--name", "ana").stdout.split()[0]
    eventually(lambda: [chat(gateway, key).status_code for _ in range(8)] == [200] * 8, "key in force")
    state = gateway.path("/var/lib/keeptrusts/state")
    assert state.stat().st_mode & 0o777 == 0o700
    assert gateway.execute("kt", "doctor").stdout.count("fail  ") == 0
    headers = {"authorization": f"Bearer {key}"}
    body = {"model": "demo-slow", "stream": True, "messages": [{"role": "user", "content": "word " * 60}]}
    url = f"http://127.0.0.1:{gateway.port}/v1/chat/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=30) as answer:
        pieces = answer.iter_text()
        text = next(pieces)
        assert gateway.process
        gateway.process.terminate()
        eventually(lambda: probe(gateway, ONE, "readinessProbe") == 503, "not ready while it drains")
        assert probe(gateway, ONE, "livenessProbe") == 200, "or the kubelet would end the drain"
        text += "".join(pieces)
    assert text.endswith("data: [DONE]\n\n")
    assert gateway.process.wait(20) == 0


def test_a_changed_config_map_takes_effect(container: Path, config: Path, running: ExitStack) -> None:
    gateway = start(running, pod(ONE, container, {"config": config}, SECRET))
    text = (config / "policy-config.yaml").read_text()
    written(config, text.replace("version: 1.0.0", "version: 1.0.1"))
    eventually(lambda: any("reloaded: test 1.0.1" in line for line in gateway.lines), "reload")


def test_the_seed_pages_pod_starts_without_arguments_and_warns_that_it_may_not_be_alone(
    container: Path, config: Path, running: ExitStack
) -> None:
    gateway = start(running, pod(SEED, container, {"config": config}, SECRET))
    assert gateway.healthy()
    (line,) = [line for line in gateway.lines if "replicas" in line]
    assert line.startswith("warning: KEEPTRUSTS_REPLICAS is not set") and "docs/kubernetes.md" in line
    checked = gateway.execute("kt", "doctor").stdout
    assert "warn  replicas: KEEPTRUSTS_REPLICAS is not set" in checked


@pytest.mark.full
def test_two_replicas_know_the_same_key_and_each_warns_of_what_they_do_not_share(
    tmp_path: Path, config: Path, running: ExitStack
) -> None:
    made = Container(Path(running.enter_context(scratch())), {})
    key = made.execute("kt", "tokens", "create", "--name", "ana").stdout.split()[0]
    secret = tmp_path / "keys"  # kubectl create secret generic keeptrusts-gateway-keys --from-file=… --from-file=…
    secret.mkdir()
    for name in ("keys.db", "secrets/key-pepper"):
        source = made.path("/var/lib/keeptrusts") / name
        (secret / source.name).write_bytes(source.read_bytes())
    volumes = {"config": config, "keys": secret}
    both = [start(running, pod(TWO, Path(running.enter_context(scratch())), volumes, SECRET)) for _ in range(2)]
    for gateway in both:
        assert [line for line in gateway.lines if "warning: 2 replicas without shared state" in line]
        assert "warn  replicas: 2 replicas" in gateway.execute("kt", "doctor").stdout
        assert chat(gateway, key).status_code == 200
        gateway.down()
        again = pod(TWO, gateway.root, volumes, SECRET)  # the init container finds the state of before
        assert chat(start(running, again), key).status_code == 200


def scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="kt-")
