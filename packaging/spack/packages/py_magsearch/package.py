from spack_repo.builtin.build_systems.cuda import CudaPackage
from spack_repo.builtin.build_systems.python import PythonPackage

from spack.package import *


class PyMagsearch(PythonPackage, CudaPackage):
    """Finds the magnetic ground state of a material from the couplings that density functional theory gives."""

    pypi = "magsearch/magsearch-0.1.0.tar.gz"

    license("BSD-3-Clause")

    # the digest of the source archive of a release; a copy of the sources is built with `spack develop`
    version("0.1.0")

    variant("mpi", default=True, description="Islands on several processes")
    variant("sdp", default=False, description="Bounds of unit cells by moments (Clarabel)")
    variant("refine", default=False, description="Scans that choose their points by Gaussian processes")
    variant("structure", default=False, description="Crystal structures from files, names of space groups")
    variant("report", default=False, description="Interactive HTML reports")
    variant("view", default=False, description="Textures in three dimensions")

    depends_on("cxx", type="build")
    depends_on("cmake@3.18:", type="build")
    depends_on("ninja", type="build")
    depends_on("python@3.11:", type=("build", "run"))
    depends_on("py-scikit-build-core@0.10:", type="build")

    depends_on("py-numpy@1.26:", type="run")
    depends_on("py-scipy@1.11:", type="run")
    depends_on("py-h5py@3.10:", type="run")
    depends_on("py-typer@0.12:", type="run")
    depends_on("py-rich@13:", type="run")
    depends_on("py-pydantic@2.6:", type="run")
    depends_on("py-annotated-types@0.6:", type="run")
    depends_on("py-matplotlib@3.8:", type="run")

    depends_on("py-mpi4py@4:", type="run", when="+mpi")
    depends_on("py-clarabel@0.10:", type="run", when="+sdp")
    depends_on("py-scikit-learn@1.3:", type="run", when="+refine")
    depends_on("py-ase@3.22:", type="run", when="+structure")
    depends_on("py-spglib@2.5:", type="run", when="+structure")
    depends_on("py-bokeh@3.4:", type="run", when="+report")
    depends_on("py-pyvista@0.44:", type="run", when="+view")

    # kernels are compiled at run time, for the GPU that is found
    depends_on("py-cupy@14:", type="run", when="+cuda")
    conflicts("cuda_arch=none", when="+cuda", msg="py-cupy needs cuda_arch")
    for arch in CudaPackage.cuda_arch_values:
        depends_on(f"py-cupy cuda_arch={arch}", type="run", when=f"+cuda cuda_arch={arch}")

    import_modules = ("magsearch",)
