# SPDX-License-Identifier: MIT
"""Plots by gnuplot, as SVG."""

import base64
import html
import subprocess

COLOURS = {"trusted": "#7f7f7f", "grant": "#1f77b4", "copy": "#2ca02c", "hybrid": "#d62728",
           "swiotlb": "#9467bd", "xen-grant-dma": "#8c564b", "pv": "#e377c2",
           "pv-persistent": "#bcbd22"}


def quote(text):
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


def run(script, alt):
    """The picture as an element for a page: embedded, so that names in it cannot clash. A page
    without one is better than no page."""
    result = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
    if result.returncode or not result.stdout.lstrip().startswith("<?xml"):
        return f"<p>gnuplot failed on {html.escape(alt + ': ' + result.stderr[-500:])}</p>"
    data = base64.b64encode(result.stdout.encode()).decode()
    return f'<img alt="{alt}" src="data:image/svg+xml;base64,{data}">'


def head(title, ylabel, width=860, height=330):
    return [f'set terminal svg size {width},{height} font "sans-serif,12" background "#ffffff"',
            f"set title {quote(title)} noenhanced", f"set ylabel {quote(ylabel)} noenhanced",
            "set key outside right top noenhanced", "set grid ytics", "set xtics noenhanced"]


def data_block(name, rows):
    lines = [f"${name} << EOD"]
    lines += ["\t".join("NaN" if v is None else quote(v) if isinstance(v, str) else str(v)
                        for v in row) for row in rows]
    return lines + ["EOD"]


def bars(title, ylabel, groups, series, line=None, orders=False):
    """Grouped bars: series is name -> values, one per group; None where there is none. With values
    of very different orders, on a logarithmic scale."""
    rows = [[group] + [values[i] for values in series.values()] for i, group in enumerate(groups)]
    script = head(title, ylabel) + data_block("d", rows)
    script += ["set datafile separator '\\t'", "set style data histograms",
               "set style histogram clustered gap 1", "set style fill solid 0.9 noborder",
               "set logscale y\nset yrange [100:*]" if orders else "set yrange [0:*]"]
    parts = [f"$d using {i + 2}:xtic(1) title {quote(name)} lc rgb "
             f"{quote(COLOURS.get(name, '#17becf'))}" for i, name in enumerate(series)]
    if line is not None:
        parts.append(f'{line} with lines dt 2 lc rgb "#000000" notitle')
    script.append("plot " + ", ".join(parts))
    return run("\n".join(script) + "\n", title)


def stacked(title, ylabel, groups, series):
    rows = [[group] + [values[i] for values in series.values()] for i, group in enumerate(groups)]
    script = head(title, ylabel) + data_block("d", rows)
    script += ["set datafile separator '\\t'", "set style data histograms",
               "set style histogram rowstacked", "set style fill solid 0.9 noborder",
               "set boxwidth 0.6", "set yrange [0:*]", "set xtics rotate by -20"]
    script.append("plot " + ", ".join(f"$d using {i + 2}:xtic(1) title {quote(name)}"
                                      for i, name in enumerate(series)))
    return run("\n".join(script) + "\n", title)


MODE_COLOURS = {"xen": "#d62728", "kernel": "#1f77b4", "user": "#bcbd22"}


def bounds(title, groups):
    """Two bars per group, one for each CPU, of what is in modes: groups is (name, by_cpu)."""
    rows = []
    tics = []
    for index, (name, by_cpu) in enumerate(groups):
        tics.append(f'"\\n{name}" {index * 3 + 0.5}')
        for cpu, modes in enumerate(by_cpu):
            tics.append(f'"{cpu}" {index * 3 + cpu}')
            rows.append([index * 3 + cpu] + [modes[mode] for mode in MODE_COLOURS])
    script = head(title, "instructions per request", width=980) + data_block("d", rows)
    script += ["set style fill solid 0.9 noborder", "set boxwidth 0.9", "set yrange [0:*]",
               f"set xrange [-1:{len(groups) * 3 - 1}]", f"set xtics ({', '.join(tics)}) nomirror",
               'set xlabel " \\nemulated CPU (0: backend VM, 1: guest) and policy"']
    # The whole first, and what is below it over it.
    parts = []
    modes = list(MODE_COLOURS)
    for last in range(len(modes), 0, -1):
        height = " + ".join(f"${column + 2}" for column in range(last))
        parts.append(f"$d using 1:({height}) with boxes title {quote(modes[last - 1])} lc rgb "
                     f"{quote(MODE_COLOURS[modes[last - 1]])}")
    script.append("plot " + ", ".join(parts))
    return run("\n".join(script) + "\n", title)


def lines(title, xlabel, ylabel, series):
    """Curves: series is name -> [(x, y)]."""
    script = head(title, ylabel, height=300) + [f"set xlabel {quote(xlabel)}", "set yrange [0:*]",
                                                "set logscale x 2"]
    parts = []
    for index, (name, points) in enumerate(series.items()):
        script += data_block(f"d{index}", points)
        parts.append(f"$d{index} using 1:2 with linespoints pt 7 lc rgb "
                     f"{quote(COLOURS.get(name, '#17becf'))} title {quote(name)}")
    script.append("plot " + ", ".join(parts))
    return run("\n".join(script) + "\n", title)
