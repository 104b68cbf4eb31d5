"""Offline work on many files at once: in this process, in several, or on several machines.

    from lab.fleet.executors import Lost, results
    from lab.fleet.files import files_of
    from lab.fleet.work import check_file

    files = files_of(["circuits"])
    with ProcessPoolExecutor() as executor:
        for file, found in zip(files, results(check_file, files, executor), strict=True):
            print(file.name, found.why if isinstance(found, Lost) else found.exit_code)

Any executor of `concurrent.futures` will do, `Client(address).get_executor(pure=False)` of Dask too. Whatever it is,
the results come in the order of the files and are what one process alone would have found. A file whose worker died has
the result `Lost`, which says why: no file is passed over, and none keeps the others from being read.
"""
