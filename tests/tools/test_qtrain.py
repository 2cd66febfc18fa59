"""qtrain: options, determinism, interruption and resuming, progress."""
import json
import os
import pty
import re
import signal
import subprocess
import cases
from cases import SLOW, has, natively, run

FEW = ("--batch", 2 if SLOW else 8, "--test-images", 4 if SLOW else 20)
SMALL = (*FEW, "--images", 4 if SLOW else 48, "--epochs", 2)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def test_common():
    cases.check_common("qtrain")


def test_usage():
    has(run("qtrain", "--teacher", "x.qnt", code=2).stderr, "--teacher and --kl-minus are of --kl")
    has(run("qtrain", "--out", "absent/x.qnt", code=1).stderr, "^qtrain: absent/x.qnt: cannot be written: No such file")
    has(run("qtrain", "--out", "x", "--checkpoint", "x", code=1).stderr, "^qtrain: x: is to be two outputs$")
    for bits in ["9", "10", "8x", "", "-2"]:
        has(run("qtrain", f"--bits={bits}", code=2).stderr, "expected 1 to 8, ternary, or 0 for float")
    has(run("qtrain", "--recipe", "soup", code=2).stderr, "expected article, improved, finetune, binary or signs")
    has(run("qtrain", "--schedule", "wild", code=2).stderr, "expected constant or cosine")
    has(run("qtrain", "--optimizer", "lion", code=2).stderr, "expected sgd or adam")
    has(run("qtrain", "--augment", "maybe", code=2).stderr, "expected on or off")
    has(run("qtrain", "--norm-momentum", "2", code=2).stderr, "norm-momentum")
    has(run("qtrain", "--lr", "nan", code=2).stderr, "is not a number")
    has(run("qtrain", "--kl", "1", code=2).stderr, "--kl needs a teacher")
    has(run("qtrain", "operand", code=2).stderr, "unexpected operand")


def test_failures():
    has(run("qtrain", "--data", "absent", code=1).stderr, "^qtrain: .*absent.*data_batch_1")
    has(run("qtrain", *SMALL, "--model", "none", code=1).stderr, "^qtrain: .*none.*article-cnn")
    has(run("qtrain", *SMALL, "--from", "absent.qnt", code=1).stderr, r"^qtrain: .*absent\.qnt")
    has(run("qtrain", *SMALL, "--layer-bits", "none=4", code=1).stderr, "^qtrain: .*none")
    has(run("qtrain", *SMALL, "--out", "absent/model.qnt", code=1).stderr, r"^qtrain: .*absent/model\.qnt")


def test_result_text():
    text = run("qtrain", *SMALL).stdout
    assert len(re.findall(r"^epoch [12]/2  loss [\d.]+  accuracy +[\d.]+ %  \d+ images/s  \d+:\d\d left$", text, re.M)) == 2, text
    has(text, r"^Accuracy of Float CNN \(master weights\): +[\d.]+ %  \(\d+ bytes of weights\)$")
    has(text, r"^Accuracy of Quantized CNN: +\d+\.\d\d %")
    assert "\r" not in text


def test_result_json():
    done = run("qtrain", *SMALL, "--json", "--hold-out", 2)
    result = json.loads(done.stdout)
    assert [row["epoch"] for row in result["epochs"]] == [1, 2]
    assert all(0 <= row["held_out_accuracy"] <= 1 for row in result["epochs"])
    assert result["bits"] == 8 and result["float_weight_bytes"] > 3.5 * result["weight_bytes"]
    has(done.stderr, r"^epoch 2/2 .* held out +[\d.]+ %$")


def test_binary_layers():
    natively("qtrain: a heavy network")
    has(run("qtrain", *SMALL, "--model", "binary-resnet-8", "--out", "signs.qnt").stdout, r"^Accuracy of Binary CNN: +[\d.]+ %")
    result = json.loads(run("qtrain", *SMALL, "--model", "binary-resnet-8", "--json", "--out", "signs.qnt").stdout)
    assert result["bits"] == 0 and result["weight_bytes"] == 29160
    has(run("qrun", "signs.qnt", "--data", "builtin", "--images", 20).stdout, "%")
    has(run("qtrain", *SMALL, "--model", "binary-resnet-8", "--bits", 8, code=3).stderr, "binary_conv2d, which has no quantized")
    has(run("qtrain", *SMALL, "--from", "signs.qnt", code=1).stderr, "conv2.weight.*is s8; a float model is expected")


def test_batch_norms_fold():
    natively("qtrain: a heavy network")
    run("qtrain", *SMALL, "--model", "resnet-8-bn", "--bits", 0, "--out", "norms.qnt")
    run("qtrain", *SMALL, "--from", "norms.qnt", "--bits", 4, "--out", "folded.qnt")
    assert len(read("folded.qnt")) < len(read("norms.qnt")) / 5


def test_depthwise_layers():
    natively("qtrain: a heavy network")
    run("qtrain", *SMALL, "--model", "mobilenetv1-0.25-cifar-bn", "--bits", 0, "--out", "separable.qnt")
    has(run("qtrain", *SMALL, "--from", "separable.qnt", "--bits", 8, "--out", "codes.qnt").stdout, "Accuracy of Quantized CNN")


def test_models_of_other_data():
    for model in ("mobilenetv1-0.25-bn", "ds-cnn", "fc-autoencoder"):
        has(run("qtrain", *SMALL, "--model", model, code=1).stderr, "^qtrain: start model: input 'input' is .* the data's images are 32 x 32 x 3")


def test_same_weights_for_any_thread_count():
    natively("qtrain: many trainings")
    for threads in (1, 2, 3):
        run("qtrain", *SMALL, "--threads", threads, "--out", f"{threads}.qnt")
    assert read("1.qnt") == read("2.qnt") == read("3.qnt")
    run("qtrain", *SMALL, "--seed", 2, "--out", "other.qnt")
    assert read("1.qnt") != read("other.qnt")


def test_bits_and_layer_bits():
    natively("qtrain: many trainings")
    size = {}
    for name, options in {"1": ("--bits", 1, "--optimizer", "adam"), "8": ("--bits", 8), "2": ("--bits", 2), "ternary": ("--bits", "ternary"), "mixed": ("--bits", 8, "--layer-bits", "fc1=ternary")}.items():
        size[name] = json.loads(run("qtrain", *SMALL, "--json", *options).stdout)["weight_bytes"]
    assert size["1"] < size["2"] == size["ternary"] < size["mixed"] < size["8"], size


def test_recipe_yields_to_options_in_any_order():
    natively("qtrain: many trainings")
    run("qtrain", "--recipe", "improved", *SMALL, "--lr", "0.02", "--out", "a.qnt")
    run("qtrain", "--lr", "0.02", *SMALL, "--recipe", "improved", "--out", "b.qnt")
    run("qtrain", *SMALL, "--recipe", "improved", "--out", "c.qnt")
    assert read("a.qnt") == read("b.qnt") != read("c.qnt")


def test_float_then_finetuned_with_teacher():
    natively("qtrain: many trainings")
    text = run("qtrain", *SMALL, "--bits", 0, "--out", "float.qnt").stdout
    has(text, r"^Accuracy of Float CNN: ")
    models = set()
    for extra in [(), ("--kl", 1), ("--kl", 1, "--kl-minus"), ("--kl", 1, "--teacher", "float.qnt")]:
        text = run("qtrain", *SMALL, "--from", "float.qnt", "--bits", 4, *extra).stdout
        has(text, r"^Accuracy of Float CNN \(start\): ")
        models.add(read("model.qnt"))
    assert len(models) == 3  # the named teacher is the start model again
    run("qtrain", *SMALL, "--from", "float.qnt", "--bits", 1, "--out", "a.qnt")
    run("qtrain", "--recipe", "binary", *SMALL, "--from", "float.qnt", "--bits", 1, "--out", "b.qnt")
    assert read("a.qnt") == read("b.qnt")
    has(run("qtrain", *SMALL, "--from", "model.qnt", code=1).stderr, "^qtrain: ")  # a quantized model is no start


def interrupt(options, number):
    """Runs qtrain and sends the signal when its first epoch is done."""
    with subprocess.Popen(cases.command("qtrain", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        first = child.stdout.readline()
        child.send_signal(number)
        _, errors = child.communicate()
    assert first.startswith("epoch 1/"), first + errors
    return child.returncode, errors


def test_interrupted_and_resumed():
    natively("qtrain: trainings from the middle")
    options = (*FEW, "--images", 24, "--epochs", 100, "--augment", "on", "--momentum", "0.9")
    run("qtrain", *options, "--out", "whole.qnt")
    for number in (signal.SIGINT, signal.SIGTERM):
        code, errors = interrupt((*options, "--out", "parts.qnt"), number)
        assert code == 130, (code, errors)
        has(errors, r"^qtrain: interrupted in epoch \d+ .* --resume parts\.qnt\.ckpt$")
        assert not os.path.exists("parts.qnt")
        text = run("qtrain", *options, "--out", "parts.qnt", "--resume", "parts.qnt.ckpt").stdout
        assert not re.search("^epoch 1/", text, re.M), text
        assert read("whole.qnt") == read("parts.qnt")
        os.unlink("parts.qnt")


def test_checkpoints():
    run("qtrain", *SMALL, "--checkpoint", "state.ckpt")
    has(run("qtrain", *SMALL, "--resume", "state.ckpt", "--lr", "0.5", code=1).stderr, "^qtrain: .*lr")
    has(run("qtrain", *SMALL, "--resume", "state.ckpt", "--bits", 4, code=1).stderr, "^qtrain: .*bits")
    with open("cut.ckpt", "wb") as file:
        file.write(read("state.ckpt")[:-5])
    has(run("qtrain", *SMALL, "--resume", "cut.ckpt", code=1).stderr, r"^qtrain: .*cut\.ckpt")
    has(run("qtrain", *SMALL, "--resume", "absent.ckpt", code=1).stderr, r"^qtrain: .*absent\.ckpt")


def test_progress_on_a_terminal():
    natively("qtrain: a terminal")
    main, terminal = pty.openpty()
    options = (*FEW, "--images", 16 if SLOW else 256, "--epochs", 2)
    with subprocess.Popen(cases.command("qtrain", *options), stdout=terminal, stderr=subprocess.STDOUT) as child:
        os.close(terminal)
        text = b""
        try:
            while chunk := os.read(main, 4096):
                text += chunk
        except OSError:  # Linux says EIO when the last writer is gone
            pass
    os.close(main)
    assert child.returncode == 0
    has(text.decode(), r"\repoch 1/2  step \d+/\d+  loss [\d.]+  accuracy +[\d.]+ %  \d+ images/s")
    has(text.decode(), r"Accuracy of Quantized CNN: ")


cases.main(globals())
